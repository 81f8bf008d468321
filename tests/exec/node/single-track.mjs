// One track with the published client, which sends it again when the connection breaks or a proxy answers.
import { Autumn } from "autumn-js";

const autumn = new Autumn({
  secretKey: process.env.AUTUMN_SECRET_KEY,
  serverURL: process.env.AUTUMN_MOCK_URL,
  failOpen: false,
  retryConfig: {
    strategy: "backoff",
    backoff: { initialInterval: 50, maxInterval: 100, exponent: 1.5, maxElapsedTime: 4000 },
    retryConnectionErrors: true,
  },
});
const marks = {
  properties: { properties: { chat: "c_17" } },
  timestamp: { timestamp: Date.now() - 1000 },
  async: { async: true },
};
await autumn.track({ customerId: "cus_123", featureId: "messages", value: 5, ...marks[process.env.MARK] });
