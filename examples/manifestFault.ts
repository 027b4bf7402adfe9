/** Jobs for Kubernetes against its schema. Tests only; not part of the package. */
import { Job } from 'kubernetes-models/batch/v1/Job';

/**
 * A copy of a manifest that notes which fields are looked at: a validator looks at those that its schema has, and says nothing of
 * others, which a cluster refuses.
 * @param unread the places that nobody has looked at, such as `spec.completion`; all of them at first
 */
function watched(value: unknown, unread: Set<string>, place: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
  for (const [key, field] of Object.entries(value)) {
    const inner = place === '' ? key : `${place}.${key}`;
    unread.add(inner);
    Reflect.set(copy, key, watched(field, unread, inner));
  }
  return new Proxy(copy, {
    get(target, key) {
      if (typeof key === 'string') unread.delete(place === '' ? key : `${place}.${key}`);
      return Reflect.get(target, key);
    },
  });
}

/** @returns what is wrong with a manifest by Kubernetes' schema, undefined where nothing is */
export function faultOf(manifest: unknown): string | undefined {
  const unread = new Set<string>();
  try {
    // Making a Job of it would look at all of it.
    Job.prototype.validate.call(watched(manifest, unread, '') as Job);
  } catch (error) {
    return (error as Error).message;
  }
  return unread.size > 0 ? `unknown: ${[...unread].join(', ')}` : undefined;
}
