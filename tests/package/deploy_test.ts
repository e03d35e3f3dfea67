// The files in deploy/ are what their readers take them for: each is read by the program it is for, where that is here, and
// by Signet itself as far as it speaks of Signet.
import { validate as validateDockerfile } from "dockerfile-utils";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { Service } from "kubernetes-models/v1/Service";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse, parseAllDocuments } from "yaml";
import { VERSION } from "../../lib/platform/version.ts";
import { freePort } from "../../scripts/free_port.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { findProgram } from "../../scripts/programs.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { sendRaw } from "../support/mcp_raw.ts";
import { newKey } from "../support/mcp_signet.ts";
import { needing } from "../support/programs.ts";
import { signetCli } from "../support/signet_cli.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => Deno.readTextFile(`${DEPLOY}/${file}`);

async function keyFile(folder: TempFolder): Promise<string> {
  const path = `${folder.path}/signet.key`;
  await Deno.writeTextFile(path, newKey() + "\n", { mode: 0o600 });
  return path;
}

/** As `needing`: of kubectl one that knows what the guide says it has to; the one of Debian 12 is older. */
async function needingPatches(what: string): Promise<{ readonly ignore: boolean }> {
  const needed = await needing(["kubectl"], what);
  if (needed.ignore) return needed;
  const said = await runTool("kubectl", ["version", "--client", "-o", "json"], { what: "asking for its version" });
  const { clientVersion: { major, minor } } = JSON.parse(said);
  const isOld = major === "1" && parseInt(minor) < 21;
  if (isOld) console.warn(`%cNOT PROVEN: ${what}, because kubectl here is ${major}.${minor}, want 1.21`, "color: red");
  return { ignore: isOld };
}

/** `signet check` has nothing to say against these flags. */
async function assertServes(args: readonly string[]): Promise<string> {
  const { code, out, err } = await signetCli(["check", ...args]);
  assert.equal(code, 0, out + err);
  assert.match(err + out, /no problem with the configuration/);
  return out + err;
}

Deno.test("Kubernetes: every manifest holds to its schema, and kustomization names them all", async () => {
  const schemas = { "deployment.yaml": Deployment, "service.yaml": Service, "network_policy.yaml": NetworkPolicy };
  for (const [file, Schema] of Object.entries(schemas)) {
    const manifest = parse(await read(`kubernetes/${file}`));
    // deno-lint-ignore no-explicit-any
    new (Schema as any)(manifest).validate();
    assert.equal(manifest.metadata.name, "notes-mcp");
  }
  const kustomization = parse(await read("kubernetes/kustomization.yaml"));
  assert.deepEqual(kustomization.resources.toSorted(), Object.keys(schemas).toSorted());
});

const REPLICAS = {
  "peers.yaml": Service,
  "peers_policy.yaml": NetworkPolicy,
  "store.yaml": Deployment,
  "store_service.yaml": Service,
  "store_policy.yaml": NetworkPolicy,
};

Deno.test("R1 R7: Kubernetes with replicas: every manifest holds to its schema, and what they name is there", async () => {
  for (const [file, Schema] of Object.entries(REPLICAS)) {
    const manifest = parse(await read(`replicas/kubernetes/${file}`));
    // deno-lint-ignore no-explicit-any
    new (Schema as any)(manifest).validate();
  }
  const kustomization = parse(await read("replicas/kubernetes/kustomization.yaml"));
  assert.deepEqual(kustomization.resources.toSorted(), ["../../kubernetes", ...Object.keys(REPLICAS)].toSorted());
  const [peers, deployment] = [
    parse(await read("replicas/kubernetes/peers.yaml")),
    parse(await read("replicas/kubernetes/deployment.yaml")),
  ];
  assert.equal(peers.spec.clusterIP, "None");
  const settings = parse(await read("replicas/kubernetes/signet.yaml"));
  assert.equal(settings.peers, `dns:${peers.metadata.name}`);
  const [signet] = deployment.spec.template.spec.initContainers;
  const advertise = signet.env.find(({ name }: { name: string }) => name === "SIGNET_ADVERTISE").value;
  assert.equal(advertise, `http://$(POD_IP):${peers.spec.ports[0].port}`);
  const grace = deployment.spec.template.spec.terminationGracePeriodSeconds;
  assert.ok(Number.parseInt(settings["drain-delay"]) + Number.parseInt(settings["drain-timeout"]) < grace);
});

Deno.test("R1: Kubernetes with replicas: the configuration in it is one that Signet takes", async () => {
  await using folder = await TempFolder.create();
  const [key, config, secret] = [await keyFile(folder), `${folder.path}/signet.yaml`, `${folder.path}/store.secret`];
  await Deno.writeTextFile(secret, "secret", { mode: 0o600 });
  const text = (await read("replicas/kubernetes/signet.yaml")).replace("/etc/signet/key/signet.key", key)
    .replace("/etc/signet/store/store.secret", secret);
  await Deno.writeTextFile(config, text);
  await assertServes(["--config", config, "--advertise", "http://10.0.0.1:8080"]);
});

Deno.test(
  "R1: Kubernetes with replicas: kubectl kustomize makes one set of objects of it and of what it is over",
  await needingPatches("that kubectl takes the kustomization of replicas"),
  async () => {
    await using folder = await TempFolder.create();
    for (const set of ["kubernetes", "replicas/kubernetes"]) {
      await Deno.mkdir(`${folder.path}/${set}`, { recursive: true });
      for await (const { name } of Deno.readDir(`${DEPLOY}/${set}`)) {
        await Deno.copyFile(`${DEPLOY}/${set}/${name}`, `${folder.path}/${set}/${name}`);
      }
    }
    await Deno.writeTextFile(`${folder.path}/kubernetes/signet.key`, newKey());
    await Deno.writeTextFile(`${folder.path}/replicas/kubernetes/store.secret`, "secret");
    const text = await runTool("kubectl", ["kustomize", `${folder.path}/replicas/kubernetes`], { what: "kustomizing" });
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    const find = (kind: string, name: string) =>
      objects.find((object) => object.kind === kind && object.metadata.name.startsWith(name));
    const { spec } = find("Deployment", "notes-mcp");
    assert.equal(spec.replicas, 3);
    const [signet] = spec.template.spec.initContainers;
    assert.equal(signet.image, `signet:${VERSION}`, "what it is over stays");
    assert.equal(signet.env.length, 2);
    assert.equal(signet.volumeMounts.length, 3);
    assert.equal(find("Service", "notes-mcp").spec.sessionAffinity, "None");
    assert.match(find("ConfigMap", "signet-config").data["signet.yaml"], /peers: dns:/);
    assert.equal(objects.filter(({ kind }) => kind === "NetworkPolicy").length, 3);
  },
);

Deno.test("R1: compose with replicas: its parts fit together, and its commands are such that Signet takes", async () => {
  const compose = parse(await read("replicas/compose/compose.yaml"), { merge: true });
  const nginx = await read("replicas/compose/nginx.conf");
  await using folder = await TempFolder.create();
  const [key, config] = [await keyFile(folder), `${folder.path}/signet.yaml`];
  const text = (await read("replicas/compose/signet.yaml")).replace("/run/secrets/signet.key", key);
  await Deno.writeTextFile(config, text);
  for (const n of [1, 2, 3]) {
    const { command, image, networks, secrets } = compose.services[`signet_${n}`];
    assert.equal(image, `signet:${VERSION}`);
    assert.deepEqual(secrets, Object.keys(compose.secrets));
    const address = networks.peers.ipv4_address;
    assert.ok(nginx.includes(`server ${address}:8080`), "the balancer knows it");
    assert.ok(command.includes(`--advertise=http://${address}:8080`));
    assert.ok(command.includes(`--upstream=http://server-${n}:3001/mcp`), "one address for all would be one server");
    assert.deepEqual(Object.keys(compose.services[`server-${n}`].networks), [`pair_${n}`]);
    assert.notEqual(compose.networks[`pair_${n}`]?.internal, true, "npx has to reach its registry");
    await assertServes(command.slice(1).map((flag: string) => flag.replace("/etc/signet/signet.yaml", config)));
  }
  for (const service of Object.values<{ networks: object }>(compose.services)) {
    for (const network of Object.keys(service.networks)) assert.ok(network in compose.networks, network);
  }
});

/** nginx.conf of the replicas as one process, which leaves none behind, with all it writes in `folder`. */
async function ownNginx(folder: TempFolder, change = (text: string) => text): Promise<readonly string[]> {
  const config = `${folder.path}/nginx.conf`;
  const text = change(await read("replicas/compose/nginx.conf"));
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path ${folder.path}/${name};`
  );
  const own = text.replace(/^http \{$/m, (begin) => `${begin}\n  ${paths.join("\n  ")}`);
  assert.notEqual(own, text, "http { stands alone on its line");
  await Deno.writeTextFile(config, `daemon off; master_process off; pid ${folder.path}/pid; error_log stderr;\n${own}`);
  return ["-p", folder.path, "-c", config];
}

Deno.test(
  "R1: compose with replicas: nginx takes its configuration",
  await needing(["nginx"], "that nginx takes the configuration of replicas"),
  async () => {
    await using folder = await TempFolder.create();
    await runTool(await findProgram("nginx") ?? "", ["-t", ...await ownNginx(folder)], { what: "reading nginx.conf" });
  },
);

Deno.test(
  "R1: compose with replicas: nginx passes the longest id on, both ways, beside the largest head",
  await needing(["nginx"], "that nginx passes long ids on"),
  async () => {
    const [id, rest] = ["i".repeat(4096), "h".repeat(12 * 1024)];
    const heard: (string | null)[] = [];
    const answer = ({ headers }: Request) => {
      heard.push(headers.get("mcp-session-id"));
      return new Response("{}", { headers: { "mcp-session-id": id, "x-rest": rest } });
    };
    await using replica = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
    const port = freePort();
    await using folder = await TempFolder.create();
    const args = await ownNginx(folder, (text) =>
      text.replace(/^ +server 10\.77\.0\.1[23].*\n/gm, "")
        .replace("10.77.0.11:8080", `127.0.0.1:${replica.addr.port}`).replace(
          "listen 8080",
          `listen 127.0.0.1:${port}`,
        ));
    await using nginx = new ChildRun({ command: await findProgram("nginx") ?? "", args });
    const ask = () => sendRaw(`http://127.0.0.1:${port}/mcp`, { headers: { "mcp-session-id": id }, message: {} });
    await until(() => ask().then(() => true, () => false), () => `nginx to listen: ${nginx.lines.join(" | ")}`);
    const { status, headers } = await ask();
    assert.equal(status, 200, nginx.lines.join("\n"));
    assert.equal(headers.get("mcp-session-id"), id);
    assert.equal(heard.at(-1), id);
  },
);

/** Schemas say nothing of a field they do not know: `restartPolice` would be a sidecar that is none. */
const FIELDS = new Set(
  `apiVersion kind metadata name labels app spec replicas selector matchLabels template automountServiceAccountToken
   terminationGracePeriodSeconds securityContext runAsNonRoot runAsUser runAsGroup fsGroup seccompProfile type initContainers
   image restartPolicy args ports containerPort startupProbe exec command periodSeconds failureThreshold readinessProbe
   timeoutSeconds livenessProbe tcpSocket port resources requests cpu memory limits allowPrivilegeEscalation
   readOnlyRootFilesystem capabilities drop volumeMounts mountPath readOnly containers lifecycle preStop sleep seconds volumes
   configMap secret secretName defaultMode podSelector policyTypes ingress from namespaceSelector
   kubernetes.io/metadata.name protocol sessionAffinity targetPort`.split(/\s+/),
);

function fieldsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
}

Deno.test("Kubernetes: no field is misspelt", async () => {
  for (const file of ["deployment", "service", "network_policy"]) {
    const names = fieldsOf(parse(await read(`kubernetes/${file}.yaml`)));
    assert.deepEqual(
      names.filter((name) => !FIELDS.has(name)),
      [],
      `${file}.yaml: fields that the test has not heard of`,
    );
  }
});

Deno.test("Kubernetes: Signet is a native sidecar that may do nothing it need not, beside a server that waits", async () => {
  const { spec } = parse(await read("kubernetes/deployment.yaml")).spec.template;
  const [signet] = spec.initContainers;
  assert.equal(signet.restartPolicy, "Always");
  assert.equal(signet.image, `signet:${VERSION}`);
  assert.deepEqual(signet.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assert.equal(spec.securityContext.runAsNonRoot, true);
  assert.deepEqual(signet.startupProbe.exec.command, ["/signet", "ready", "--live"]);
  assert.deepEqual(signet.readinessProbe.exec.command, ["/signet", "ready"]);
  assert.ok(spec.containers[0].lifecycle.preStop.sleep.seconds > 0);
  const volumes = new Set(spec.volumes.map(({ name }: { name: string }) => name));
  for (const { name } of signet.volumeMounts) assert.ok(volumes.has(name), `${name} is no volume`);
  const policy = parse(await read("kubernetes/network_policy.yaml"));
  assert.deepEqual(policy.spec.podSelector.matchLabels, { app: "notes-mcp" });
  assert.equal(policy.spec.ingress[0].ports[0].port, signet.ports[0].containerPort);
});

Deno.test("Kubernetes: Signet's port is told by its number: before 1.32 no Service finds a sidecar's by its name", async () => {
  const [signet] = parse(await read("kubernetes/deployment.yaml")).spec.template.spec.initContainers;
  const port = signet.ports[0].containerPort;
  for (const file of ["kubernetes/service.yaml", "replicas/kubernetes/peers.yaml"]) {
    const { spec } = parse(await read(file));
    assert.deepEqual(spec.selector, { app: "notes-mcp" });
    assert.deepEqual(spec.ports.map(({ targetPort }: { targetPort: unknown }) => targetPort), [port], file);
  }
  for (const file of ["kubernetes/network_policy.yaml", "replicas/kubernetes/peers_policy.yaml"]) {
    const [{ ports }] = parse(await read(file)).spec.ingress;
    assert.deepEqual(ports, [{ port, protocol: "TCP" }], file);
  }
});

Deno.test("Kubernetes: the configuration in it is one that Signet takes", async () => {
  await using folder = await TempFolder.create();
  const [key, config] = [await keyFile(folder), `${folder.path}/signet.yaml`];
  await Deno.writeTextFile(config, (await read("kubernetes/signet.yaml")).replace("/etc/signet/key/signet.key", key));
  const said = await assertServes(["--config", config]);
  assert.doesNotMatch(said, /\n {2}! /, said);
  const { drainTimeout, grace } = {
    drainTimeout: Number(/drain-timeout: (\d+)s/.exec(await read("kubernetes/signet.yaml"))![1]),
    grace: parse(await read("kubernetes/deployment.yaml")).spec.template.spec.terminationGracePeriodSeconds,
  };
  assert.ok(drainTimeout < grace, "Kubernetes kills what has not drained by then");
});

Deno.test(
  "Kubernetes: kubectl kustomize makes one set of objects of it, the key a secret",
  await needing(["kubectl"], "that kubectl takes the kustomization"),
  async () => {
    await using folder = await TempFolder.create();
    for await (const { name } of Deno.readDir(`${DEPLOY}/kubernetes`)) {
      await Deno.copyFile(`${DEPLOY}/kubernetes/${name}`, `${folder.path}/${name}`);
    }
    await keyFile(folder);
    const text = await runTool("kubectl", ["kustomize", folder.path], { what: "kustomizing" });
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    const byKind = new Map(objects.map((object) => [object.kind, object]));
    assert.deepEqual([...byKind.keys()].toSorted(), ["ConfigMap", "Deployment", "NetworkPolicy", "Secret", "Service"]);
    const { volumes } = byKind.get("Deployment").spec.template.spec;
    assert.equal(volumes[0].configMap.name, byKind.get("ConfigMap").metadata.name);
    assert.equal(volumes[1].secret.secretName, byKind.get("Secret").metadata.name);
  },
);

Deno.test("compose: what it refers to is in it, and its command is one that Signet takes", async () => {
  const compose = parse(await read("compose/compose.yaml"));
  const { signet, server, prometheus } = compose.services;
  assert.equal(signet.image, `signet:${VERSION}`);
  for (const service of [signet, server, prometheus]) {
    for (const network of service.networks) assert.ok(network in compose.networks, `${network} is no network`);
  }
  assert.deepEqual(signet.secrets, Object.keys(compose.secrets));
  assert.deepEqual([signet.read_only, signet.cap_drop], [true, ["ALL"]]);
  assert.ok(!("ports" in server), "nobody reaches the server but through Signet");
  for (const volume of prometheus.volumes) {
    assert.ok((await Deno.stat(`${DEPLOY}/compose/${volume.split(":")[0]}`)).isFile);
  }
  await using folder = await TempFolder.create();
  const key = await keyFile(folder);
  const [command, ...flags] = signet.command;
  assert.equal(command, "serve");
  await assertServes(flags.map((flag: string) => flag.replace("/run/secrets/signet.key", key)));
  assert.deepEqual(signet.healthcheck.test.slice(0, 3), ["CMD", "/signet", "ready"]);
});

Deno.test(
  "compose: promtool takes Prometheus's configuration, which asks where Signet answers",
  await needing(["promtool"], "that Prometheus takes its configuration"),
  async () => {
    await runTool("promtool", ["check", "config", `${DEPLOY}/compose/prometheus.yml`], { what: "checking" });
  },
);

Deno.test("compose: Prometheus asks the admin listener", async () => {
  const { targets } = parse(await read("compose/prometheus.yml")).scrape_configs[0].static_configs[0];
  const { command } = parse(await read("compose/compose.yaml")).services.signet;
  assert.deepEqual(targets, ["signet:9090"]);
  assert.ok(command.includes("--admin=0.0.0.0:9090"));
});

Deno.test("Dockerfile: it parses, nothing in it is deprecated, and it ends as the image does", async () => {
  const text = await read("Dockerfile");
  assert.deepEqual(validateDockerfile(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`), []);
  assert.match(text, /\nUSER 65532:65532\n/);
  assert.match(text, /\nENTRYPOINT \["\/signet"\]\n$/);
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  assert.ok(/deno@\S+ task (\S+) /.exec(text)![1]! in tasks);
});

Deno.test("no key, secret, state or environment file gets into git or into an image that is built here", async () => {
  const secret = ["signet.key", "deploy/compose/signet.key", "deploy/kubernetes/signet.key", "token.secret"]
    .concat(["signet.db", "signet.db-wal", "lib/x.pem", ".env", ".env.local", "scripts/a.secrets"]);
  const args = ["check-ignore", "--no-index", ...secret];
  const ignored = await runTool("git", args, { what: "asking git what it ignores", cwd: ROOT });
  assert.deepEqual(ignored.trim().split("\n"), secret);
  const lines = (await Deno.readTextFile(`${ROOT}/.dockerignore`)).split("\n").filter((line) => /^[^#]/.test(line));
  assert.equal(lines[0], "*", "what is not named is left out");
  const kept = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  assert.deepEqual(kept, ["main.ts", "lib", "scripts", "deno.json", "import_map.json", "deno.lock", "LICENSE"]);
  for (const file of kept) await Deno.stat(`${ROOT}/${file}`);
  for (const pattern of ["key", "pem", "secret", "secrets", "db", "db-*"]) assert.ok(lines.includes(`**/*.${pattern}`));
});
