// One case of the published client against a server, and what came of it as one line of JSON on standard output.
//
//   AUTUMN_URL=http://127.0.0.1:2886 AUTUMN_KEY=am_sk_test_... node client.mjs PACKAGE CASE
//
// An answer is printed as {"answer": ...}, a refusal as {"error": {"name", "statusCode", "body", ...}}.

const [packageName, caseName] = process.argv.slice(2);
const { Autumn } = await import(packageName);

// Failing open, the default, invents answers where the server has none.
const { AUTUMN_KEY: secretKey, AUTUMN_URL: serverURL } = process.env;
const autumn = new Autumn({ secretKey, serverURL, failOpen: false });
const item = { customerId: "cus_1", featureId: "messages", value: 1 };

async function outcome(promise) {
  try {
    return { answer: await promise };
  } catch (error) {
    return {
      error: {
        name: error.constructor.name,
        statusCode: error.statusCode,
        body: error.body,
        contentType: error.contentType,
        retryAfter: error.headers?.get("retry-after"),
        message: error.message,
      },
    };
  }
}

const cases = {
  batch_of_1: () => outcome(autumn.batchTrack([{ ...item, value: 7 }])),
  queue_down: () => {
    const open = new Autumn({ secretKey, serverURL });
    return outcome(open.batchTrack([item], { headers: { "x-autumn-mock-fault": "queue:down" } }));
  },
  burst: () => Promise.all(Array.from({ length: 12 }, () => outcome(autumn.batchTrack([item])))),
};

console.log(JSON.stringify(await cases[caseName]()));
