// Makes types and documents out of schema.graphql and the .graphql files of the dashboard, into
// src/dashboard/generated: graphql.ts has what each operation takes and answers, and its document's id;
// documents.json has the texts by id, as the service takes trusted documents.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { Kind, buildASTSchema, concatAST, parse, print, validate, visit } from 'graphql';

const SOURCES = 'src/dashboard';
const MADE = join(SOURCES, 'generated');
const TYPES = {
  enumsAsTypes: true,
  onlyOperationTypes: true,
  skipTypename: true,
  useTypeImports: true,
  scalars: { ID: 'string', DateTime: 'string', Duration: 'string', JSON: 'unknown', JSONObject: 'Record<string, unknown>', Long: 'number' },
};

// The root's fields are null only where they failed, and api.ts takes no data from an answer with errors.
const schemaText = visit(parse(readFileSync('../schema.graphql', 'utf8')), {
  ObjectTypeDefinition: (type) => (type.name.value === 'Query' ? undefined : false),
  InterfaceTypeDefinition: () => false,
  FieldDefinition: (field) => (field.type.kind === Kind.NON_NULL_TYPE ? field : { ...field, type: { kind: Kind.NON_NULL_TYPE, type: field.type } }),
});
const schema = buildASTSchema(schemaText);
const files = readdirSync(SOURCES, { recursive: true }).filter((name) => name.endsWith('.graphql')).sort();
const documents = files.map((name) => ({
  location: name,
  document: parse(readFileSync(join(SOURCES, name), 'utf8')),
}));
const whole = concatAST(documents.map(({ document }) => document));
const errors = validate(schema, whole);
if (errors.length) {
  for (const error of errors) console.error(String(error));
  process.exit(1);
}

const fragments = new Map(
  whole.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]),
);

/** The fragments that a definition uses, and those that these use. */
function used(definition, found = new Map()) {
  visit(definition, {
    FragmentSpread(node) {
      const name = node.name.value;
      if (!found.has(name)) used(fragments.get(name), found.set(name, fragments.get(name)));
    },
  });
  return found;
}

const texts = {};
const lines = [];
for (const operation of whole.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION)) {
  const text = print({ kind: Kind.DOCUMENT, definitions: [operation, ...used(operation).values()] });
  const id = createHash('sha256').update(text).digest('hex');
  const name = operation.name.value;
  const type = name + operation.operation[0].toUpperCase() + operation.operation.slice(1);
  texts[id] = text;
  lines.push(`export const ${name} = { name: '${name}', id: '${id}' } as Operation<${type}, ${type}Variables>;`);
}

const types = await codegen({
  filename: 'graphql.ts',
  schema: schemaText,
  schemaAst: schema,
  documents,
  config: TYPES,
  plugins: [{ typescript: {} }, { operations: {} }],
  pluginMap: { typescript, operations },
});

const head = "import type { Operation } from '../api';\n";
mkdirSync(MADE, { recursive: true });
writeFileSync(join(MADE, 'graphql.ts'), `${head}${types}\n${lines.join('\n')}\n`);
writeFileSync(join(MADE, 'documents.json'), `${JSON.stringify(texts, null, 1)}\n`);
