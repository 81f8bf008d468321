// A batch of three uses; each try has new keys.
import { randomUUID } from "node:crypto";

const url = `${process.env.AUTUMN_MOCK_URL}/v1/balances.batch_track`;
const headers = { authorization: `Bearer ${process.env.AUTUMN_SECRET_KEY}`, "content-type": "application/json" };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

for (let attempt = 0; attempt < 5; attempt++) {
  const items = [1, 2, 3].map(() => ({
    customer_id: "cus_456", feature_id: "messages", idempotency_key: randomUUID(),
  }));
  try {
    const reply = await fetch(url, { method: "POST", headers, body: JSON.stringify(items) });
    if (reply.status === 202) break;
    await sleep(1000 * Number(reply.headers.get("retry-after")) + 50);
  } catch {
    await sleep(50);
  }
}
