// A purchase with the published client. MARK=return grants what was bought when the browser is back from the payment
// page, MARK=decline ignores the required_action of the answer; otherwise it is asked for before each use.
import { Autumn } from "autumn-js";

const serverURL = process.env.AUTUMN_MOCK_URL;
const secretKey = process.env.AUTUMN_SECRET_KEY;
const autumn = new Autumn({ secretKey, serverURL, failOpen: false });
const buyer = { customerId: "buyer" };
const usage = { ...buyer, featureId: "messages" };

async function control(path, body) {
  const headers = { authorization: `Bearer ${secretKey}`, "content-type": "application/json" };
  const reply = await fetch(`${serverURL}/_mock${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(await reply.text());
}

async function isAllowed() {
  return (await autumn.check(usage)).allowed;
}

await autumn.customers.getOrCreate(buyer);
if (await isAllowed()) throw new Error("nothing was bought yet");
if (process.env.MARK === "decline") await control("/customers/buyer/payment_method", { payment_method: "declines" });
const { paymentUrl } = await autumn.billing.attach({ ...buyer, planId: "pro", successUrl: "http://shop.example/" });

if (process.env.MARK !== "decline") {
  // The customer pays, and is back before the service knows of it.
  const form = new URLSearchParams({ action: "pay", settle: "later" });
  const { status } = await fetch(paymentUrl, { method: "POST", body: form, redirect: "manual" });
  if (status !== 303) throw new Error(`the page answered ${status}`);
}
if (process.env.MARK || (await isAllowed())) await autumn.track({ ...usage, value: 3 });
if (process.env.MARK !== "decline") {
  await control(`/checkouts/${paymentUrl.split("/").pop()}`, { action: "settle" });
  if (!(await isAllowed())) throw new Error("it was bought");
  await autumn.track({ ...usage, value: 2 });
}
