// A batch of the published client with its own retries on, and what came of it as one line of JSON on standard output.
//
//   AUTUMN_URL=http://127.0.0.1:2886 AUTUMN_KEY=am_sk_test_... node faults.mjs PACKAGE OPTIONS
//
// OPTIONS are further options of the client, as JSON, and of its retries: maxInterval, maxElapsedTime; tryMs ends each
// try after so many milliseconds. Printed is {"answer": ...} or {"error": {"name", "statusCode", "body"}}.

console.log = console.error; // failing open, the client writes there

const [packageName, options] = process.argv.slice(2);
const { Autumn } = await import(packageName);
const { maxInterval, maxElapsedTime, tryMs, ...clientOptions } = JSON.parse(options);

const inTime = {
  request: (request) => fetch(request, { signal: AbortSignal.timeout(tryMs) }),
  clone: () => inTime,
};
const autumn = new Autumn({
  secretKey: process.env.AUTUMN_KEY,
  serverURL: process.env.AUTUMN_URL,
  retryConfig: {
    strategy: "backoff",
    backoff: { initialInterval: 1, maxInterval, exponent: 1, maxElapsedTime },
    retryConnectionErrors: true,
  },
  ...(tryMs && { httpClient: inTime }),
  ...clientOptions,
});

// Two uses that are known again wherever they turn up, 6 messages together. The old client has no timestamps.
const items = [2, 4].map((value) => ({
  customerId: "cus_1",
  featureId: "messages",
  value,
  timestamp: 1_700_000_000_000,
  properties: { use: `of ${value}` },
}));

async function outcome() {
  try {
    return { answer: await autumn.batchTrack(items) };
  } catch (error) {
    return { error: { name: error.constructor.name, statusCode: error.statusCode, body: error.body } };
  }
}

process.stdout.write(JSON.stringify(await outcome()));
