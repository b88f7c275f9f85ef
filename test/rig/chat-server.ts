// A local HTTP server that speaks the chat-completions protocol, with a script in place of a model: what a model would
// say is not tested here, only what is done with it.
import type { ServerResponse } from 'node:http';
import { type Receiver, startReceiver } from './receiver.ts';

export type ChatRequest = { model: string; messages: { role: string; content: string }[]; stream: boolean };
/** The answer to one question: a text, or whatever is done to the response instead. */
export type Say = (request: ChatRequest, response: ServerResponse, nth: number) => string | undefined;

export type ChatServer = Receiver & { asked: ChatRequest[]; say(next: Say): void };

export async function startChatServer(first: Say = () => 'Fine.'): Promise<ChatServer> {
  let say = first;
  const asked: ChatRequest[] = [];
  const receiver = await startReceiver({
    respond({ body, path }, response) {
      if (path !== '/v1/chat/completions') return { status: 404 };
      const request = JSON.parse(body.toString()) as ChatRequest;
      asked.push(request);
      const text = say(request, response, asked.length);
      return text === undefined ? undefined : completion(text);
    },
  });
  return Object.assign(receiver, {
    url: `${receiver.url}/v1`,
    asked,
    say(next: Say) {
      say = next;
    },
  });
}

export const completion = (content: unknown, finish_reason = 'stop') => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason, message: { role: 'assistant', content } }],
  }),
});
