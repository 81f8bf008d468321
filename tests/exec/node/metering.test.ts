// For Vitest: autumn-mock exec -- npx vitest run

import { expect, test } from "vitest";

import { autumn, Meter, remaining } from "./metering.mjs";

test("a batch is accepted", async () => {
  const meter = new Meter();
  meter.record("cus_123", "messages", 2);
  expect(await meter.flush()).toEqual({ success: true });
});

test("what was recorded is deducted once", async (): Promise<void> => {
  const before: number = await remaining("cus_456", "messages");
  const meter = new Meter();
  meter.record("cus_456", "messages", 3);
  meter.record("cus_456", "messages", 0.5);
  await meter.flush();
  expect(await remaining("cus_456", "messages")).toBe(before - 3.5);
});

test("a feature that does not exist is refused", async () => {
  await expect(autumn.batchTrack([{ customerId: "cus_456", featureId: "nope" }])).rejects.toMatchObject({
    statusCode: 404,
  });
});
