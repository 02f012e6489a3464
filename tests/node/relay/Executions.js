// A component's data as an application of Relay declares it.
import { graphql } from 'react-relay';

export const executions = graphql`
  fragment Executions_workflow on Workflow
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "ExecutionsPageQuery") {
    name
    executions(first: $first, after: $after) @connection(key: "Executions_executions") {
      totalCount
      edges { node { id status duration } }
    }
  }
`;

export const page = graphql`
  query ExecutionsQuery($id: ID!) {
    node(id: $id) { ...Executions_workflow @arguments(first: 2) @alias }
  }
`;

export const transition = graphql`
  mutation ExecutionsTransitionMutation($input: TransitionExecutionInput!) {
    transitionExecution(input: $input) {
      ... on ExecutionPayload { execution { id status } }
      ... on Error { code message }
    }
  }
`;
