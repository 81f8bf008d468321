// A misspelt customer, and a misspelt route.
import { Autumn } from "autumn-js";

const { AUTUMN_MOCK_URL: serverURL, AUTUMN_SECRET_KEY: secretKey } = process.env;
const autumn = new Autumn({ secretKey, serverURL });
await autumn.batchTrack([{ customerId: "cus_typo", featureId: "messages", value: 2 }]);
await fetch(`${serverURL}/v1/balances.batchTrack`, {
  method: "POST",
  headers: { authorization: `Bearer ${secretKey}` },
  body: JSON.stringify([{ customer_id: "cus_456", feature_id: "messages", value: 3 }]),
});
