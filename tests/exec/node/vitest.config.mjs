// What Vitest keeps between runs goes beside the suite, not into node_modules, which several runs share.

export default { cacheDir: ".vitest", test: { include: ["*.test.ts"] } };
