import { feature, featureItem, priceItem, pricedFeatureItem, product } from 'atmn';

export const seats = feature({ id: 'seats', name: 'Seats', type: 'continuous_use' });

export const messages = feature({ id: 'messages', name: 'Messages', type: 'single_use' });

export const sso = feature({ id: 'sso', name: 'Single Sign-On', type: 'boolean' });

export const credits = feature({
	id: 'credits',
	name: 'Credits',
	type: 'credit_system',
	credit_schema: [{ metered_feature_id: 'messages', credit_cost: 2 }],
});

export const free = product({
	id: 'free',
	name: 'Free',
	is_default: true,
	items: [featureItem({ feature_id: messages.id, included_usage: 10, interval: 'month' })],
});

export const pro = product({
	id: 'pro',
	name: 'Pro',
	items: [
		featureItem({ feature_id: messages.id, included_usage: 500, interval: 'month' }),
		featureItem({ feature_id: sso.id }),
		pricedFeatureItem({ feature_id: seats.id, price: 10, interval: 'month' }),
		priceItem({ price: 50, interval: 'month' }),
	],
});

export const refill = product({
	id: 'refill',
	name: 'Refill',
	is_add_on: true,
	items: [
		pricedFeatureItem({
			feature_id: credits.id,
			price: 5,
			billing_units: 100,
			usage_model: 'prepaid',
		}),
	],
});
