import { useEffect, useState } from 'preact/hooks';

/** A text that changes with the colours of the page, for what is drawn on a canvas. */
export function useTheme(): string {
  const [theme, setTheme] = useState('');
  useEffect(() => {
    const queries = ['(prefers-color-scheme: dark)', 'print'].map((query) => matchMedia(query));
    const change = () => setTheme(queries.map(({ matches }) => matches).join());
    change();
    for (const query of queries) query.addEventListener('change', change);
    return () => {
      for (const query of queries) query.removeEventListener('change', change);
    };
  }, []);
  return theme;
}
