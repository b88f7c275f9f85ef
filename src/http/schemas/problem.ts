// The body of every refusal.
import { type Static, Type } from 'typebox';
import { ERRORS, type HttpErrorCode } from '../../errors.ts';

export const Problem = Type.Object(
  {
    timestamp: Type.String({ format: 'date-time' }),
    path: Type.String(),
    request_id: Type.String({ description: 'The log tells more under it.' }),
    statusCode: Type.Integer(),
    message: Type.String(),
    validation_errors: Type.Optional(
      Type.Array(Type.String(), {
        description: 'One sentence a field, each beginning with its dotted path. With 400 `request_invalid`.',
      }),
    ),
    error: Type.Object(
      {
        code: Type.Integer({ description: 'A number, because published clients type it so.' }),
        reason: Type.Enum(Object.keys(ERRORS) as HttpErrorCode[]),
        message: Type.String(),
      },
      { additionalProperties: false },
    ),
  },
  { title: 'Problem', additionalProperties: false },
);
export type Problem = Static<typeof Problem>;
