// Audits the server with the suite of the GraphQL over HTTP specification; prints what each audit found.
// Argument: the address of the endpoint.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
