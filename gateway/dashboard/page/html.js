// The one place that knows the library.
import { h, render, createContext } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
export { render, createContext };
export * from '../vendor/hooks.js';
