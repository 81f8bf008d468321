// For Node's own runner: autumn-mock exec -- node --test

import assert from "node:assert/strict";
import { test } from "node:test";

import { autumn, Meter, remaining } from "./metering.mjs";

test("a batch is accepted", async () => {
  const meter = new Meter();
  meter.record("cus_123", "messages", 2);
  assert.deepEqual(await meter.flush(), { success: true });
});

test("what was recorded is deducted once", async () => {
  const before = await remaining("cus_456", "messages");
  const meter = new Meter();
  meter.record("cus_456", "messages", 3);
  meter.record("cus_456", "messages", 0.5);
  await meter.flush();
  assert.equal(await remaining("cus_456", "messages"), before - 3.5);
});

test("a feature that does not exist is refused", async () => {
  await assert.rejects(autumn.batchTrack([{ customerId: "cus_456", featureId: "nope" }]), { statusCode: 404 });
});
