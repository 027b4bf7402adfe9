import type { Html } from '../src/drawing/html.ts';

/**
 * The browser lets markup and addresses of scripts in by this policy alone: only drawings, of which `html` has escaped the data, and
 * only workers that lie beside this script.
 */
interface Policy {
  createHTML(text: string): string;
  createScriptURL(url: string): string;
}
type TrustedTypes = { createPolicy(name: string, rules: Policy): Policy };
const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
const rules: Policy = {
  createHTML: (text) => text,
  createScriptURL(url) {
    const { href } = new URL(url, location.href);
    if (href.startsWith(new URL(/* @vite-ignore */ '.', import.meta.url).href)) return href;
    throw new TypeError('a script of another place');
  },
};
const policy = trustedTypes?.createPolicy('drawing', rules) ?? rules;

/** A picture that the report draws too. */
export function Drawing({ picture, className = 'drawing' }: { picture: Html; className?: string }) {
  return <div class={className} dangerouslySetInnerHTML={{ __html: policy.createHTML(picture.text) }} />;
}

/** Starts a worker of this server. @param url as the bundler gives it */
export const startWorker = (url: string) => new Worker(policy.createScriptURL(url), { type: 'module' });
