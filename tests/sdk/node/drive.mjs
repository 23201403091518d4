// Runs scenarios with the official SDKs for Node: `drive.mjs URL < scenarios`. Prints the outcome of each as a line of JSON.

import { createInterface } from "node:readline";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const url = process.argv[2];
const settings = { maxRetries: 0, timeout: 20_000, apiKey: "sk-not-a-key" };
const anthropic = new Anthropic({ baseURL: url, ...settings });
const openai = new OpenAI({ baseURL: `${url}/v1`, ...settings });
const calls = {
  messages: (request) => anthropic.messages.create(request),
  chat: (request) => openai.chat.completions.create(request),
  completions: (request) => openai.completions.create(request),
  responses: (request) => openai.responses.create(request),
};
// Helpers that stream and accumulate the answer themselves.
const helpers = {
  messages: (request) => anthropic.messages.stream(request).finalMessage(),
  chat: (request) => openai.chat.completions.stream(request).finalChatCompletion(),
  responses: (request) => openai.responses.stream(request).finalResponse(),
};

function ask(scenario) {
  if (scenario.retrieve) {
    return openai.responses.retrieve(scenario.name, { stream: true });
  }
  if (scenario.helper) {
    return helpers[scenario.api](scenario.request);
  }
  return calls[scenario.api](scenario.request);
}

async function drive(scenario) {
  const items = [];
  let error = null;
  try {
    const answer = await ask(scenario);
    if (scenario.request.stream) {
      for await (const item of answer) {
        items.push(item);
        if (items.length === scenario.break_after) break;
      }
    } else {
      items.push({ ...answer, _request_id: answer._request_id });
    }
  } catch (fault) {
    error = { class: fault.constructor.name, message: fault.message, status: fault.status ?? null };
  }
  return { name: scenario.name, items, error };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await drive(JSON.parse(line))));
}
process.exit(0);
