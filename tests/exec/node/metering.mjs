// A small metering client around autumn-js: it collects uses and sends them in one batch. A 503 means that nothing was
// taken, so the client of the SDK sends the batch again, as late as Retry-After asks.
//
// METERING_BUG plants a mistake: "forgets" loses the first use, "retry-after-202" sends an accepted batch once more.

import { Autumn } from "autumn-js";

const { AUTUMN_MOCK_URL: url, AUTUMN_SECRET_KEY: secretKey, METERING_BUG: bug } = process.env;

export const autumn = new Autumn({
  secretKey,
  serverURL: url,
  failOpen: false,
  retryConfig: {
    strategy: "backoff",
    backoff: { initialInterval: 100, maxInterval: 5000, exponent: 2, maxElapsedTime: 30_000 },
    retryConnectionErrors: false,
  },
});

export class Meter {
  #uses = [];

  record(customerId, featureId, value) {
    this.#uses.push({ customerId, featureId, value, timestamp: Date.now() });
  }

  async flush() {
    const batch = this.#uses.splice(0);
    if (bug === "forgets") batch.shift();
    const answer = await autumn.batchTrack(batch);
    if (bug === "retry-after-202") await autumn.batchTrack(batch);
    return answer;
  }
}

/** What a customer has left, once everything is deducted. */
export async function remaining(customerId, featureId) {
  const headers = { authorization: `Bearer ${secretKey}` };
  await fetch(`${url}/_mock/drain`, { method: "POST", headers });
  return (await autumn.check({ customerId, featureId })).balance.remaining;
}
