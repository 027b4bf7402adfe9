import type { Html } from '../src/drawing/html.ts';

/** The browser lets markup in by this policy alone, and only drawings go through it: `html` has escaped their data. */
interface Policy {
  createHTML(text: string): string;
}
type TrustedTypes = { createPolicy(name: string, rules: Policy): Policy };
const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
const rules: Policy = { createHTML: (text) => text };
const policy = trustedTypes?.createPolicy('drawing', rules) ?? rules;

/** A picture that the report draws too. */
export function Drawing({ picture, className = 'drawing' }: { picture: Html; className?: string }) {
  return <div class={className} dangerouslySetInnerHTML={{ __html: policy.createHTML(picture.text) }} />;
}
