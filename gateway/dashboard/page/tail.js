// Following subjects of the bus.
import { useEffect, useRef, useState } from './html.js';
import { useEvent, useWire } from './use.js';

// useTail follows the subjects as long as it is drawn and hands on what comes:
// messages(list, dropped) and rates(by subject, per second). It returns the error
// that kept it from following.
export function useTail(subjects, { messages, rates }) {
  const wire = useWire();
  const { epoch, phase } = wire.state;
  const [error, setError] = useState(null);
  const tail = useRef(null);
  const key = subjects.join(' ');
  useEvent('bus.message', (m) => m.id === tail.current && messages?.(m.messages, m.dropped));
  useEvent('bus.rates', (r) => r.id === tail.current && rates?.(r.subjects));

  const active = phase === 'open' && subjects.length > 0 && wire.has('bus.tail');
  useEffect(() => {
    if (!active) return undefined;
    let over = false;
    const end = (id) => wire.request('bus.untail', { id }).catch(() => {}); // it ends with the connection too
    setError(null);
    wire.request('bus.tail', { subjects: key.split(' ') }).then(({ id }) => {
      if (over) end(id);
      else tail.current = id;
    }, (err) => over || setError(err));
    return () => {
      over = true;
      if (tail.current) end(tail.current);
      tail.current = null;
    };
  }, [wire, epoch, active, key]);
  return error;
}
