// Passes every request on to TARGET with the bearer key KEY, for test clients that cannot send one.
// Everything else, Host and Origin included, goes through as it came. Prints its own address; ends with its stdin.
import http from "node:http";

const target = new URL(process.env.TARGET);

const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${process.env.KEY}` };
  const onward = http.request(
    { host: target.hostname, port: target.port, method: request.method, path: request.url, headers },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    },
  );
  onward.on("error", (error) => response.writeHead(502).end(String(error)));
  response.on("close", () => onward.destroy());
  request.pipe(onward);
});

proxy.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${proxy.address().port}`));
process.stdin.on("end", () => process.exit()).resume();
