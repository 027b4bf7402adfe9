import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { chartStyles } from '../src/drawing/chart.ts';
import { useConnection } from './answers.ts';
import { linkTo, type Route, useRoute } from './route.ts';
import { Unlock } from './unlock.tsx';
import { AccountView } from './views/account.tsx';
import { EventsView } from './views/events.tsx';
import { MapView } from './views/map.tsx';
import { OverviewView } from './views/overview.tsx';
import { ScoreView } from './views/score.tsx';

const VIEWS = [
  { name: 'overview', title: 'Overview', View: OverviewView },
  { name: 'events', title: 'Events', View: EventsView },
  { name: 'account', title: 'Account', View: AccountView },
  { name: 'map', title: 'Map', View: MapView },
  { name: 'score', title: 'Score one', View: ScoreView },
] satisfies { name: string; title: string; View: (props: { route: Route }) => unknown }[];

function Console() {
  const route = useRoute();
  const connection = useConnection();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { name, title, View } = VIEWS.find(({ name }) => name === route.view) ?? VIEWS[0];
  // Before the browser draws: a focus that moves later would be taken from somebody who is already at a row.
  useLayoutEffect(() => {
    document.title = `${title} · ip-insights`;
    // Whoever uses the keyboard or a screen reader goes on where the new view begins.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
  }, [title]);
  return (
    <>
      <button class="skip" type="button" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="bar">
        <span class="brand">ip-insights</span>
        <nav aria-label="Views">
          {VIEWS.map((view) => (
            <a
              key={view.name}
              href={linkTo(view.name)}
              aria-current={view.name === name ? 'page' : undefined}
            >
              {view.title}
            </a>
          ))}
        </nav>
      </header>
      <div class="status" role="status" aria-live="polite">
        {connection === 'lost' && 'The server does not answer. This page goes on when it is back.'}
      </div>
      <main id="main" ref={main} tabIndex={-1} aria-label={title}>
        {connection === 'locked' ? <Unlock /> : <View route={route} />}
      </main>
    </>
  );
}

const drawn = new CSSStyleSheet();
drawn.replaceSync(chartStyles);
document.adoptedStyleSheets = [drawn];
render(<Console />, document.getElementById('console')!);
