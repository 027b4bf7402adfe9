// node bench/peers/bareServer.mjs
// The least that a server in Node does for one event: reads the body, parses the JSON, answers as many bytes. Prints its port.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { instances } = JSON.parse(Buffer.concat(chunks).toString());
    const text = JSON.stringify({ predictions: instances.map(() => ({ dot_product: -4.123456789012345 })) });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
