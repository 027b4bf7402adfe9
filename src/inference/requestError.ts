import { InputError } from '../errors.ts';

/** A request that cannot be answered, with the HTTP status that says why. */
export class RequestError extends InputError {
  override name = 'RequestError';
  /** 4xx, or 5xx where another try may succeed */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
