// Drive a spec to its end with an official TypeScript client:  node phase.mjs v1|v2-legacy|v2-modern URL SPEC_ID
// The token is taken from FOUNDRY_MCP_TOKEN. Says which era was spoken and how many steps were done.
import assert from "node:assert";

const [which, url, specId] = process.argv.slice(2);
const requestInit = { headers: { authorization: `Bearer ${process.env.FOUNDRY_MCP_TOKEN}` } };
const about = { name: "conformance", version: "0" };

async function connected() {
  if (which === "v1") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(about);
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit });
    await client.connect(transport);
    return { client, era: transport.protocolVersion };
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const mode = which === "v2-modern" ? "auto" : "legacy";
  const client = new Client(about, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
  return { client, era: client.getNegotiatedProtocolVersion() };
}

const { client, era } = await connected();

async function call(name, args) {
  const answer = await client.callTool({ name, arguments: args });
  assert.deepStrictEqual(JSON.parse(answer.content[0].text), answer.structuredContent);
  assert(answer.structuredContent.success, answer.content[0].text);
  return answer.structuredContent.data;
}

function offered({ tool, action, command, params }) {
  return call(tool, { action, ...(command === undefined ? {} : { command }), ...params });
}

async function carriedOut(step) {
  const result = { ...step.report_call.params.result };
  if (step.run_call === undefined) return result;
  let run = await offered(step.run_call);
  while (run.state !== "finished") run = await offered(step.run_call);
  const well = run.passed ?? run.verdict === "pass";
  return { ...result, attempt_id: run.attempt_id, outcome: well ? "success" : "failure" };
}

const { tools } = await client.listTools();
assert(tools.some((tool) => tool.name === "task"));
const session = (await call("task", { action: "session", command: "start", spec_id: specId })).session.session_id;
const next = (more) => call("task", { action: "session-step", command: "next", session_id: session, ...more });
let steps = 0;
let answer = await next({});
while (answer.step !== undefined) {
  answer = await next({ last_step_result: await carriedOut(answer.step) });
  steps += 1;
}
await client.close();
console.log(JSON.stringify({ era, steps, signal: answer.loop_signal }));
