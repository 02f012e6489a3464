/** Mutations whose answer may be a refusal. */
import { useState } from 'react';
import { ApiError, type Operation, ask } from '../api';

interface Writing<Data> {
  busy: boolean;
  error: ApiError | undefined;
  /** Send the mutation; what its only field answered, or undefined where it was refused. */
  send: (input: object) => Promise<Data | undefined>;
}

type Answer<Data> = Exclude<Data[keyof Data], { code: unknown; message: unknown } | string | undefined>;

/** A mutation of one field and one `input`, with its refusal as an error. */
export function useWrite<Data extends object, Variables extends { input: object }>(operation: Operation<Data, Variables>): Writing<Answer<Data>> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const send = async (input: object): Promise<Answer<Data> | undefined> => {
    setBusy(true);
    setError(undefined);
    try {
      const data = await ask(operation, { input } as Variables, 'mutation');
      const answer = Object.values(data)[0] as Answer<Data> & { code?: string; message?: string };
      if (typeof answer.message === 'string' && typeof answer.code === 'string') throw new ApiError(answer.message, answer.code);
      return answer;
    } catch (problem) {
      setError(problem as ApiError);
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, send };
}
