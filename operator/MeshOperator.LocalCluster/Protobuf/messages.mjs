#!/usr/bin/env node
// Makes messages.txt again, or checks it, from Kubernetes' own definitions: the generated.proto files of the Go modules k8s.io/api and
// k8s.io/apimachinery of the release whose API is wanted (v0.32.x is Kubernetes 1.32), unpacked anywhere.
//
//   node messages.mjs [--check] API_FOLDER APIMACHINERY_FOLDER
//
// The table keeps the messages it has; to add one, add a line with its name, and run this.
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const arguments_ = process.argv.slice(2);
const check = arguments_[0] === '--check';
const [api, machinery] = check ? arguments_.slice(1) : arguments_;
if (!machinery) {
    console.error('usage: node messages.mjs [--check] API_FOLDER APIMACHINERY_FOLDER');
    process.exit(2);
}

const table = join(dirname(fileURLToPath(import.meta.url)), 'messages.txt');
const scalars = { int32: 'int', int64: 'int', uint32: 'int', uint64: 'int', string: 'string', bool: 'bool', bytes: 'bytes', double: 'double' };
const files = new Map();

/** The messages of a package such as core.v1: name to its fields as the table writes them. */
function messages(group) {
    if (files.has(group)) return files.get(group);
    const path = group.startsWith('meta.')
        ? join(machinery, 'pkg/apis', group.replace('.', '/'), 'generated.proto')
        : join(api, group.replace('.', '/'), 'generated.proto');
    if (!existsSync(path)) throw new Error(`${path} is not there`);
    const found = new Map();
    const text = readFileSync(path, 'utf8').replace(/\/\/.*$/gm, '');
    for (const [, name, body] of text.matchAll(/^message (\w+) \{([^}]*)\}/gm)) {
        const fields = [...body.matchAll(/(?:(optional|repeated|required)\s+)?(map<string,\s*([^>]+)>|[.\w]+)\s+(\w+)\s*=\s*(\d+);/g)]
            .map(([, label, type, ofMap, field, number]) => ({ number: Number(number), text: `${number}=${field}:${ofMap ? '%' : label === 'repeated' ? '*' : ''}${short(ofMap ?? type, group)}` }))
            .sort((a, b) => a.number - b.number);
        found.set(name, fields.map(f => f.text).join(' '));
    }
    files.set(group, found);
    return found;
}

function short(type, group) {
    if (scalars[type]) return scalars[type];
    if (!type.startsWith('.')) return `${group}.${type}`;
    const parts = type.split('.');
    return type.startsWith('.k8s.io.api.') || type.includes('.apis.meta.') ? parts.slice(-3).join('.') : parts.slice(-2).join('.');
}

const before = readFileSync(table, 'utf8');
const after = before.split('\n').map(line => {
    if (line === '' || line.startsWith('#')) return line;
    const [full] = line.split(' ', 1);
    const [group, version, name] = full.split('.');
    const fields = messages(`${group}.${version}`).get(name);
    if (fields === undefined) throw new Error(`${full} is not among the definitions`);
    return `${full} ${fields}`.trimEnd();
}).join('\n');
if (!check) {
    writeFileSync(table, after);
} else if (after !== before) {
    const [old, now] = [before, after].map(t => t.split('\n'));
    now.forEach((line, i) => { if (line !== old[i]) console.log(`- ${old[i]}\n+ ${line}`); });
    process.exit(1);
}
