import { createRoot } from 'react-dom/client';
import { App } from './app';
import { finishSignIn } from './oidc';
import { signedOut } from './session';
import { settings } from './settings';
import './style.css';

const refusal = await finishSignIn(settings.oidc).catch((error: Error) => error.message);
if (refusal) signedOut(refusal);
const place = document.getElementById('dashboard');
if (place) createRoot(place).render(<App />);
