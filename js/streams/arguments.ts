/** Checks the arguments of the public methods, so that a wrong one is refused at once and by name. */

import { RejoinError } from "../types/errors.js";
import type { ActiveTask, ChatStreamsOptions, StreamListener, StreamRequest } from "../types/index.js";

/** @throws {RejoinError} `INVALID_ARGUMENT`: `name` should have been `wanted` */
function reject(name: string, wanted: string, value: unknown): never {
  const got = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  throw new RejoinError("INVALID_ARGUMENT", `${name} should be ${wanted}, not ${got}.`);
}

/** Checks for a string that names something. */
export function checkId(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") reject(name, "a string", value);
  if (value === "") throw new RejoinError("INVALID_ARGUMENT", `${name} should not be empty.`);
}

/** Checks for a string or nothing. */
export function checkOptionalText(name: string, value: unknown): asserts value is string | undefined {
  if (value !== undefined && value !== null && typeof value !== "string") reject(name, "a string", value);
}

/** Checks for a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") reject(name, "a function", value);
}

/** Checks for a function, an object of functions, or nothing. */
export function checkListener(value: unknown): asserts value is StreamListener | undefined {
  if (value === undefined || value === null || typeof value === "function") return;
  if (typeof value !== "object") reject("listener", "a function or an object", value);
  for (const name of ["onChunk", "onBatch", "onStatus", "onReset"]) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined) checkFunction(`listener.${name}`, member);
  }
  checkOptional(value as Record<string, unknown>, "listener", { signal: "object" });
}

/** Checks what `startStream` is to send. */
export function checkRequest(value: unknown): asserts value is string | StreamRequest {
  if (typeof value === "string") return;
  const request = checkObject("request", "a string or an object", value);
  if (typeof request.message !== "string") reject("request.message", "a string", request.message);
  checkOptional(request, "request", {
    isUserMessage: "boolean", context: "object", messageId: "string", body: "object", replaces: "string", headers: "object",
  });
  if (request.messageId === "") throw new RejoinError("INVALID_ARGUMENT", "request.messageId should not be empty.");
  checkChoice("request.trigger", request.trigger, ["submit", "regenerate", "edit", "continue"]);
  checkList("request.parts", request.parts);
  checkList("request.toolOutputs", request.toolOutputs, "toolCallId");
  checkList("request.approvals", request.approvals, "approvalId");
}

/** Checks what `setActiveTask` is to save. */
export function checkTask(value: unknown): asserts value is Partial<ActiveTask> & Pick<ActiveTask, "taskId"> {
  const task = checkObject("task", "an object", value);
  checkId("task.taskId", task.taskId);
  checkOptional(task, "task", { operationId: "string", toolName: "string", lastMessageId: "string" });
}

/** Checks the options of `createChatStreams`. It accepts numbers of any size, which the core clamps later. */
export function checkOptions(value: unknown): asserts value is ChatStreamsOptions {
  const options = checkObject("options", "an object", value);
  checkOptional(options, "options", {
    baseUrl: "string", jsonBaseUrl: "string", credentials: "string", fetch: "function", storageKey: "string", userKey: "string",
    taskTtlMs: "number", retry: "object", stallTimeoutMs: "number", crossTab: "boolean", onMalformed: "function",
    prepareRequest: "function", seed: "number",
  });
  checkChoice("options.delivery", options.delivery, ["frame", "immediate"]);
  checkHeaders(options.headers);
  checkStorage(options.storage);
  const retry = checkObject("options.retry", "an object", options.retry ?? {});
  checkOptional(retry, "options.retry", { initialDelayMs: "number", maxDelayMs: "number", maxRetries: "number", windowMs: "number" });
  checkChoice("options.retry.repost", retry.repost, ["same-id", "never"]);
}

function checkHeaders(headers: unknown): void {
  if (headers === undefined || headers === null || typeof headers === "function" || typeof headers === "object") return;
  reject("options.headers", "a HeadersInit or a function", headers);
}

function checkStorage(storage: unknown): void {
  if (typeof storage !== "object" || storage === null) return checkChoice("options.storage", storage, ["local", "memory"]);
  for (const name of ["getItem", "setItem", "removeItem"]) {
    checkFunction(`options.storage.${name}`, (storage as Record<string, unknown>)[name]);
  }
}

function checkObject(name: string, wanted: string, value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) reject(name, wanted, value);
  return value as Record<string, unknown>;
}

/** Checks for an array of objects, each with an id under the name `id`, or nothing. */
function checkList(name: string, value: unknown, id?: string): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value)) reject(name, "an array", value);
  value.forEach((item, index) => {
    const member = checkObject(`${name}[${index}]`, "an object", item);
    if (id) checkId(`${name}[${index}].${id}`, member[id]);
  });
}

function checkOptional(object: Record<string, unknown>, name: string, wanted: Record<string, string>): void {
  for (const [member, type] of Object.entries(wanted)) {
    const value = object[member];
    if (value !== undefined && value !== null && typeof value !== type) {
      reject(`${name}.${member}`, type === "object" ? "an object" : `a ${type}`, value);
    }
  }
}

function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || value === null || choices.includes(value as string)) return;
  throw new RejoinError("INVALID_ARGUMENT", `${name} should be ${choices.map((choice) => `"${choice}"`).join(" or ")}.`);
}
