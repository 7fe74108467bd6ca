// Validate a recorded transcript with the published schemas, the generated types and Ajv alone:
// node validate.js SCHEMAS TRANSCRIPT
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { CommandMap, Envelope, ErrorData, LoopSignal, ToolArguments } from "foundry-contracts";

interface Call {
  tool: string;
  action: string;
  command: string | null;
}

interface Entry {
  path: string;
  kind: string;
  sha256: string;
  call?: Call;
}

interface Catalog {
  envelope: string;
  schemas: Entry[];
}

interface Line {
  tool: string;
  arguments: { action: string; command?: string; [name: string]: unknown };
  answer: unknown;
}

const [schemas, transcript] = process.argv.slice(2) as [string, string];
const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true, strictRequired: false });
formats.default(ajv);
const catalog = JSON.parse(readFileSync(join(schemas, "catalog.json"), "utf-8")) as Catalog;
let checked = 0;

function validate<Shape>(path: string, value: unknown): Shape {
  const raw = readFileSync(join(schemas, path));
  const entry = catalog.schemas.find((known) => known.path === path);
  if (createHash("sha256").update(raw).digest("hex") !== entry?.sha256) throw new Error(`${path} is another`);
  const schema = JSON.parse(raw.toString()) as { $id: string };
  const judge = ajv.getSchema<Shape>(schema.$id) ?? ajv.compile<Shape>(schema);
  if (!judge(value)) throw new Error(`ValidationError: ${path}: ${ajv.errorsText(judge.errors)}`);
  checked += 1;
  return value as Shape;
}

function pathOf(kind: string, call: Call): string {
  const found = catalog.schemas.find(
    (entry) =>
      entry.kind === kind &&
      entry.call?.tool === call.tool &&
      entry.call.action === call.action &&
      entry.call.command === call.command,
  );
  if (found === undefined) throw new Error(`no schema of ${call.tool} ${call.action}`);
  return found.path;
}

for (const text of readFileSync(transcript, "utf-8").trim().split("\n")) {
  const line = JSON.parse(text) as Line;
  const { action, command = null, ...request } = line.arguments;
  const call = { tool: line.tool, action, command };
  validate(pathOf("request", call), request);
  const envelope = validate<Envelope>(catalog.envelope, line.answer);
  if (envelope.success) validate(pathOf("response", call), envelope.data);
  else validate<ErrorData>("formats/ErrorData.json", envelope.data);
}
console.log(checked);

// What follows is for the compiler: what the types take, and what they do not.
export const started: ToolArguments<"task.session.start"> = { action: "session", command: "start", spec_id: "a" };
export const asked: ToolArguments<"server.capabilities"> = { action: "capabilities" };
export const signal: LoopSignal = "phase_complete";
// @ts-expect-error a spec's id is needed
export const without: ToolArguments<"task.session.start"> = { action: "session", command: "start" };
// @ts-expect-error the action is another
export const elsewhere: ToolArguments<"task.session.start"> = { action: "info", command: "start", spec_id: "a" };
// @ts-expect-error no such parameter
export const more: ToolArguments<"task.session.start"> = { action: "session", command: "start", spec_id: "a", b: 1 };
// @ts-expect-error no such signal
export const nowhere: LoopSignal = "go";
// @ts-expect-error a code the command does not refuse with
export const refusal: CommandMap["task.session.start"]["errors"] = "NO_STEP_OUT";
