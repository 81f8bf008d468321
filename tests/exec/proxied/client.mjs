// A program with autumn-js, whose host is the default one, under `exec --proxy`.
import https from "node:https";
import { connect } from "node:tls";
import { Autumn } from "autumn-js";

const url = "https://api.useautumn.com/v1/check";
const body = JSON.stringify({ customer_id: "cus_123", feature_id: "messages" });
const headers = { Authorization: `Bearer ${process.env.AUTUMN_SECRET_KEY}` };
const say = (name, what) => console.log(JSON.stringify([name, what]));

const autumn = new Autumn({ secretKey: process.env.AUTUMN_SECRET_KEY });
say("autumn-js", (await autumn.check({ customerId: "cus_123", featureId: "messages" })).balance.remaining);
const reset = { method: "POST", body, headers: { ...headers, "x-autumn-mock-fault": "reply:reset" } };
say("fetch, reset", await fetch(url, reset).catch((error) => error.cause.code));
await new Promise((done) => {
  const request = https.request(url, { method: "POST", headers }, (reply) => {
    say("https", reply.statusCode);
    reply.resume().on("end", done);
  });
  request.end(body);
});
await new Promise((done) => {
  const socket = connect(443, "api.useautumn.com", { servername: "api.useautumn.com" }, () => {
    say("tls", socket.authorized);
    socket.end();
    done();
  });
});
