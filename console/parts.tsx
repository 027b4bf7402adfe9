import type { ComponentChildren } from 'preact';
import type { Answered } from './answers.ts';

/** A figure with what it means. */
export function Tile({ value, children }: { value: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="tile">
      <b>{value}</b>
      <span>{children}</span>
    </div>
  );
}

/** What a person should do where there is nothing to see. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** The state of an answer that is not there yet; nothing once it is. */
export function Waiting({ of, what }: { of: Answered<unknown>; what: string }) {
  if (of.error && of.error.status !== 0 && of.error.status !== 401) {
    return (
      <p class="fault" role="alert">
        {of.error.message}
      </p>
    );
  }
  return of.answer === undefined && of.isAsking ? <p class="empty">Reading {what} …</p> : null;
}
