// The ES module wraps the CommonJS one, so that both have the same classes: its types are the same declarations.
export * from './index.js';
