// Which rights of the chart's rules no request needed, one line each: those that could be taken away.
//
//   node unused.js NOTES NAMESPACE CLUSTER-RULES.json NAMESPACE-RULES.json   NOTES: of requests.js
const fs = require("fs");
const [, , notes, own, clusterRules, namespaceRules] = process.argv;
const requests = fs.readFileSync(notes, "utf8").trim().split("\n").map(line => line.split(" ").map(word => (word === "-" ? "" : word)));
const read = (file, namespace) => JSON.parse(fs.readFileSync(file)).map(rule => ({ ...rule, namespace }));

const isUsed = (rule, verb) => requests.some(([group, resource, requested, name, namespace]) =>
    requested === verb && rule.apiGroups.includes(group) && rule.resources.includes(resource)
    && (!rule.resourceNames || verb === "create" || rule.resourceNames.includes(name)) && (!rule.namespace || rule.namespace === namespace));

for (const rule of [...read(clusterRules, ""), ...read(namespaceRules, own)])
    for (const verb of rule.verbs)
        if (!isUsed(rule, verb)) console.log([rule.apiGroups[0] || "core", rule.resources[0], verb, ...(rule.resourceNames ?? [])].join(" "));
