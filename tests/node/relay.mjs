// Compiles the sources of a folder with Relay's compiler; prints the documents that a browser would send.
// Arguments: the schema's file, the folder of the sources, an empty folder to work in.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import compiler from 'relay-compiler';

const [schema, sources, folder] = process.argv.slice(2);
cpSync(schema, join(folder, 'schema.graphql'));
cpSync(sources, join(folder, 'src'), { recursive: true });
writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
const config = { src: 'src', schema: 'schema.graphql', language: 'javascript', eagerEsModules: true };
writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));

const { status, stdout, stderr } = spawnSync(compiler, ['relay.config.json'], { cwd: folder, encoding: 'utf8' });
if (status !== 0) throw new Error(stdout + stderr);

const generated = join(folder, 'src', '__generated__');
const artifacts = readdirSync(generated).sort();
const documents = {};
for (const name of artifacts.filter((name) => /(Query|Mutation)\.graphql\.js$/.test(name))) {
  const { params } = (await import(pathToFileURL(join(generated, name)))).default;
  documents[params.name] = params.text;
}
console.log(JSON.stringify({ artifacts: artifacts.map((name) => name.split('.')[0]), documents }));
