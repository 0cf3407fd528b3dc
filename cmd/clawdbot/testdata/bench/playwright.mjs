// Measures playwright-core over CDP on the pages of BenchmarkBrowser and prints
// medians in milliseconds as JSON.
import { chromium } from 'playwright-core';

const [cdp, pages] = process.argv.slice(2);
const browser = await chromium.connectOverCDP(cdp);
const page = await browser.contexts()[0].newPage();

const median = async (rounds, once) => {
  const took = [];
  for (let i = 0; i < rounds; i++) {
    const began = performance.now();
    await once(i);
    took.push(performance.now() - began);
  }
  return took.sort((a, b) => a - b)[Math.floor(rounds / 2)];
};
const snapshot = () => page.locator('body').ariaSnapshot();

const figures = {};
await page.goto(pages + '/form');
figures.snapshot = await median(31, snapshot);
figures.click = await median(31, () => page.click('#send'));
figures.type = await median(31, () => page.fill('#name', 'Ada Lovelace'));
figures.hundred = await median(5, async () => {
  for (let i = 0; i < 50; i++) {
    await page.click('#send');
    await page.fill('#name', 'text ' + i);
  }
});
await page.goto(pages + '/table');
figures.table = await median(9, snapshot);
await page.goto(pages + '/heavy');
// Each frame is asked for itself: a locator stays in its own.
figures.nested = await median(9, () => Promise.all(page.frames().map((f) => f.locator('body').ariaSnapshot())));
figures.picture = await median(9, () => page.screenshot());
await page.close();
console.log(JSON.stringify(figures));
process.exit(0); // the browser is not ours to close
