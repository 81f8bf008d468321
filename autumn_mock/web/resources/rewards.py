"""Coupons of the organisation."""

from __future__ import annotations

from autumn_mock.operations.billing import rewards
from autumn_mock.web.context import SUCCESS, Answer, RequestContext
from autumn_mock.web.endpoint import endpoint
from autumn_mock.wire.requests.rewards import RewardsCreate, RewardsGet
from autumn_mock.wire.responses.rewards import RewardBody, RewardsBody, coupon_body


@endpoint("POST /v1/rewards.create", scopes="rewards:write", request=RewardsCreate, answers=RewardBody)
def create(request: RequestContext, params: RewardsCreate) -> Answer:
    return Answer(RewardBody(coupon=coupon_body(rewards.create(request.call, params))))


@endpoint("POST /v1/rewards.list", scopes="rewards:read", answers=RewardsBody)
def list_(request: RequestContext) -> Answer:
    return Answer(RewardsBody([coupon_body(each) for each in request.call.environment.coupons], []))


@endpoint("POST /v1/rewards.get", scopes="rewards:read", request=RewardsGet, answers=RewardBody)
def get(request: RequestContext, params: RewardsGet) -> Answer:
    return Answer(RewardBody(coupon=coupon_body(rewards.get(request.call, params.reward_id))))


@endpoint("POST /v1/rewards.delete", scopes="rewards:write", request=RewardsGet)
def delete(request: RequestContext, params: RewardsGet) -> Answer:
    rewards.delete(request.call, params.reward_id)
    return SUCCESS
