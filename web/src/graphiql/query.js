/** What the editor holds on a first visit. */
export const defaultQuery = `# The latest executions with their steps. Ctrl-Enter runs it, Ctrl-Space completes names.
# The book on the left has every type with its description. Headers, such as
# {"Authorization": "Bearer …"}, go below; subscriptions send that one too.

query LatestExecutions($first: Int = 10) {
  executions(first: $first) {
    totalCount
    nodes {
      id
      status
      startedAt
      duration
      workflow {
        name
        version
      }
      steps(first: 20) {
        nodes {
          key
          status
          duration
        }
      }
    }
  }
}
`;
