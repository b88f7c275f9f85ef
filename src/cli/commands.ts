// Every command by its name. Loaded when asked for: all of them cost 1.4 s of processor time, `endpoints` alone 0.3 s.
import type { Command } from 'commander';

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serveCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  submit: async () => (await import('./submit.ts')).submitCommand(),
  transcriptions: async () => (await import('./transcriptions.ts')).transcriptionsCommand(),
  callbacks: async () => (await import('./callbacks.ts')).callbacksCommand(),
  endpoints: async () => (await import('./endpoints.ts')).endpointsCommand(),
  webhooks: async () => (await import('./webhooks.ts')).webhooksCommand(),
  replays: async () => (await import('./replays.ts')).replaysCommand(),
  inboxes: async () => (await import('./inboxes.ts')).inboxesCommand(),
  secrets: async () => (await import('./secrets.ts')).secretsCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  tail: async () => (await import('./tail.ts')).tailCommand(),
  listen: async () => (await import('./listen.ts')).listenCommand(),
  trigger: async () => (await import('./trigger.ts')).triggerCommand(),
  transcribe: async () => (await import('./transcribe.ts')).transcribeCommand(),
  keys: async () => (await import('./keys.ts')).keysCommand(),
  login: async () => (await import('./login.ts')).loginCommand(),
  logout: async () => (await import('./login.ts')).logoutCommand(),
  profiles: async () => (await import('./login.ts')).profilesCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(everyCommand),
};

export function everyCommand(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}
