// node bench/steadyLoad.mjs URL PER-SECOND SECONDS
// Requests of one event at a steady rate, whether or not earlier ones were answered: a request's time begins when it was due,
// so that a server which stops for a moment cannot hide it. Prints one JSON object, times in milliseconds.
import { Agent, request } from 'node:http';

const [url, perSecond, seconds] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const CONNECTIONS = 32;
/** For the engines of both sides to compile what is used much. */
const WARM_UP_SECONDS = 3;
const body = '{"instances":[{"features":["user_1","198.51.100.7"]}]}';
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const options = {
  method: 'POST',
  agent,
  headers: { 'content-type': 'application/json', 'content-length': body.length },
};
const times = [];
let [sent, failed] = [0, 0];
const started = performance.now();
const timer = setInterval(() => {
  const elapsed = performance.now() - started;
  if (elapsed > 1000 * (WARM_UP_SECONDS + seconds)) {
    clearInterval(timer);
    setTimeout(end, 1000);
    return;
  }
  for (; sent < (elapsed / 1000) * perSecond; sent++) send(started + (sent / perSecond) * 1000);
}, 1);

function send(due) {
  const one = request(url, options, (response) => {
    response.resume();
    response.on('end', () => {
      if (response.statusCode !== 200) failed++;
      else if (due > started + WARM_UP_SECONDS * 1000) times.push(performance.now() - due);
    });
  });
  one.on('error', () => failed++);
  one.end(body);
}

function end() {
  times.sort((a, b) => a - b);
  const quantile = (share) => times[Math.floor(share * (times.length - 1))];
  console.log(
    JSON.stringify({
      requests: times.length,
      failed,
      p50: quantile(0.5),
      p99: quantile(0.99),
      most: quantile(1),
    }),
  );
  process.exit(0);
}
