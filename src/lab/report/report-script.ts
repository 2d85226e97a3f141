/**
 * The script of a report, which stands within it: values under the pointer, at a touch, and with the arrow keys. Without it a chart
 * shows the same as titles, which browsers show at rest, and as the table below it.
 */
export const reportScript = `
for (const figure of document.querySelectorAll('.chart')) {
  const tip = figure.querySelector('.tip');
  for (const plot of figure.querySelectorAll('.plot')) {
    const columns = [...plot.querySelectorAll('.hit')];
    if (columns.length === 0) continue;
    const texts = columns.map((column) => {
      const title = column.querySelector('title');
      title.remove();
      return title.textContent;
    });
    const rule = plot.querySelector('.rule');
    let shown = -1;
    const hide = () => {
      shown = -1;
      tip.hidden = true;
      rule.classList.remove('shown');
      for (const dot of plot.querySelectorAll('.at')) dot.classList.remove('at');
    };
    const show = (index) => {
      if (index === shown) return;
      hide();
      shown = index;
      const x = Number(columns[index].dataset.x);
      rule.setAttribute('transform', 'translate(' + x + ' 0)');
      rule.classList.add('shown');
      for (const dot of plot.querySelectorAll('[data-at="' + index + '"]')) dot.classList.add('at');
      tip.textContent = texts[index];
      tip.hidden = false;
      const [width, box] = [figure.clientWidth, plot.getBoundingClientRect()];
      const at = (x * box.width) / plot.viewBox.baseVal.width;
      const left = at + 14 + tip.offsetWidth <= width ? at + 14 : at - 14 - tip.offsetWidth;
      tip.style.left = Math.max(0, Math.min(left, width - tip.offsetWidth)) + 'px';
      tip.style.top = box.top - figure.getBoundingClientRect().top + 30 + 'px';
    };
    const onPointer = ({ target }) => {
      const index = columns.indexOf(target);
      if (index >= 0) show(index);
    };
    plot.addEventListener('pointermove', onPointer);
    plot.addEventListener('pointerdown', onPointer);
    plot.addEventListener('pointerleave', hide);
    plot.addEventListener('blur', hide);
    plot.setAttribute('tabindex', '0');
    plot.setAttribute('aria-label', plot.getAttribute('aria-label') + '. Arrow keys go from value to value.');
    const last = columns.length - 1;
    const steps = { ArrowRight: (at) => Math.min(last, at + 1), ArrowLeft: (at) => (at < 0 ? last : Math.max(0, at - 1)), Home: () => 0, End: () => last };
    plot.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') return hide();
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      show(step(shown));
    });
  }
}
addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
`;
