// Draws the figures of a page from the specifications that stand in them, anew when the reader's theme changes. The
// libraries that it names are put in front of it when the bundle is built; without it a page shows plain pictures.
{
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const draw = (figure) => {
    const { spec, themes } = JSON.parse(figure.querySelector('script').textContent);
    return vegaEmbed(figure.querySelector('.plot'), spec, {
      mode: 'vega-lite',
      config: themes[dark.matches ? 'dark' : 'light'],
      actions: false,
      ast: true,
      renderer: 'canvas',
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
  };
  const drawAll = () => document.querySelectorAll('figure.drawn').forEach((figure) => draw(figure).then(
    () => { figure.dataset.drawn = ''; },
    (error) => { figure.hidden = true; console.error(error); },
  ));
  dark.addEventListener('change', drawAll);
  drawAll();
}
