// Hands on the track: pointers, wheel and keys.

/** Connect a track to its view; `scale` gives the scale it was drawn with. */
export function connectTrack(box, view, scale, firstLane) {
  const pointers = new Map();
  let moved = 0, before = 0;

  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.max(Math.abs(a - b), 10);
  };
  const x = (event) => event.clientX - box.getBoundingClientRect().left;

  box.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    pointers.set(event.pointerId, x(event));
    if (pointers.size === 1) moved = 0;
    if (pointers.size === 2) before = distance();
  });
  box.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) {
      if (event.pointerType === "mouse") view.look(inside(scale().place(x(event))));
      return;
    }
    const now = x(event), last = pointers.get(event.pointerId);
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) {
      const apart = distance();
      view.zoom(before / apart, scale().place((sum(pointers) / 2)));
      before = apart;
      moved = 100;
      return;
    }
    moved += Math.abs(now - last);
    if (moved > 4) {
      if (!box.hasPointerCapture(event.pointerId)) box.setPointerCapture(event.pointerId);
      view.from(view.start - (now - last) / scale().pixels);
    }
  });
  const up = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (event.type === "pointerup" && moved <= 4) view.look(inside(scale().place(x(event))));
  };
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", up);
  box.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      view.zoom(Math.exp(event.deltaY / 200), scale().place(x(event)));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      view.from(view.start + (event.deltaX || event.deltaY) / scale().pixels);
    }
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys(view, firstLane)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act(event.shiftKey);
  });

  function inside(place) {
    const [first, last] = view.seen();
    return Math.min(Math.max(place, first), last - 1);
  }
}

function sum(pointers) {
  return [...pointers.values()].reduce((a, b) => a + b, 0);
}

function keys(view, firstLane) {
  const middle = Math.floor((view.start + view.end) / 2);
  const step = (sign) => (isShifted) => (isShifted ? view.move(sign / 4) : view.look((view.cursor ?? middle) + sign));
  return {
    ArrowLeft: step(-1),
    ArrowRight: step(1),
    PageUp: () => view.move(-1),
    PageDown: () => view.move(1),
    Home: () => view.look(view.region.start),
    End: () => view.look(view.region.end - 1),
    "+": () => view.zoom(0.5),
    "=": () => view.zoom(0.5),
    "-": () => view.zoom(2),
    n: () => next(view, firstLane(), 1),
    p: () => next(view, firstLane(), -1),
  };
}

/** Look at the next cut, or the one before. */
function next(view, lane, sign) {
  if (!lane) return;
  const places = lane.content.stages[0].boundaries.map((index) => lane.place(index)).sort((a, b) => sign * (a - b));
  const from = view.cursor ?? (sign > 0 ? view.start - 1 : view.end);
  const found = places.find((place) => sign * (place - from) > 0);
  if (found !== undefined) view.look(found);
}
