const KEYS: [keys: string[], what: string][] = [
  [['j', '↓'], 'next event'],
  [['k', '↑'], 'event before'],
  [['Enter'], 'open or close it'],
  [['y'], 'this was them'],
  [['n'], 'this was not'],
  [['u'], 'undo'],
  [['/'], 'account filter'],
  [['Esc'], 'close'],
  [['?'], 'these keys'],
];

export function KeysHelp() {
  return (
    <section class="ev-keys" aria-label="Keys">
      {KEYS.map(([keys, what]) => (
        <span key={what}>
          {keys.map((key) => (
            <kbd key={key}>{key}</kbd>
          ))}{' '}
          {what}
        </span>
      ))}
    </section>
  );
}

/** Keys belong to whoever types in a field. */
export const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && /^(input|select|textarea)$/i.test(target.tagName);
