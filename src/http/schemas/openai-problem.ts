// The body of every refusal under /v1.
import { type Static, Type } from 'typebox';
import { closed } from './operation.ts';

export const OpenaiProblem = Type.Object(
  {
    error: Type.Object(
      {
        message: Type.String(),
        type: Type.Enum(['invalid_request_error', 'requests', 'server_error']),
        param: Type.Union([Type.String(), Type.Null()], { description: 'The field that is wrong.' }),
        code: Type.String(),
      },
      closed,
    ),
  },
  { title: 'OpenaiProblem', ...closed },
);
export type OpenaiProblem = Static<typeof OpenaiProblem>;
