import { feature, item, plan } from 'atmn';

export const messages = feature({
	id: 'messages',
	name: 'Messages',
	type: 'metered',
	consumable: true,
	eventNames: ['message.sent'],
});

export const seats = feature({
	id: 'seats',
	name: 'Seats',
	type: 'metered',
	consumable: false,
});

export const sso = feature({
	id: 'sso',
	name: 'Single Sign-On',
	type: 'boolean',
});

export const credits = feature({
	id: 'credits',
	name: 'Credits',
	type: 'credit_system',
	creditSchema: [{ meteredFeatureId: 'messages', creditCost: 2 }],
});

export const free = plan({
	id: 'free',
	name: 'Free',
	group: 'main',
	items: [
		item({
			featureId: messages.id,
			included: 10,
			reset: {
				interval: 'month',
			},
		}),
	],
});

export const pro = plan({
	id: 'pro',
	name: 'Pro',
	group: 'main',
	price: {
		amount: 20,
		interval: 'month',
	},
	items: [
		item({
			featureId: messages.id,
			included: 100,
			price: {
				amount: 0.5,
				billingUnits: 1,
				billingMethod: 'usage_based',
				interval: 'month',
			},
		}),
		item({
			featureId: credits.id,
			included: 50,
			reset: {
				interval: 'month',
			},
			rollover: { max: 20, expiryDurationType: 'forever' },
		}),
		item({
			featureId: seats.id,
			included: 3,
		}),
		item({ featureId: sso.id }),
	],
	freeTrial: { durationLength: 7, durationType: 'day', cardRequired: false },
});
