// Les mots de la page en français, avec sa typographie : espace fine insécable (U+202F) devant
// « : ; ! ? » et à l'intérieur des guillemets, apostrophe courbe.

import type { en } from "./en.ts";

const count = new Intl.NumberFormat("fr");
const plural = new Intl.PluralRules("fr");
const of = (n: number, one: string, other: string) =>
  `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;

export const fr = {
  language: "Français",
  skip: "Aller à la conversation",

  first: {
    question: "Comment vous appelle-t-on ?",
    enter: "Entrer",
    later: "Vous pourrez en changer quand vous voudrez.",
  },

  room: {
    log: (room: string) => `Conversation dans ${room}`,
    rooms: "Salons",
    empty: "Personne n’a encore parlé. Le premier mot est à vous.",
    begins: "La conversation commence ici.",
    trimmed: "Ce qui s’est dit avant n’est plus conservé.",
    loading: "On va chercher ce qui s’est dit avant…",
    entering: "On entre…",
    refused: "Impossible d’entrer dans ce salon",
    lobby: (room: string) => `Aller dans ${room}`,
  },

  message: {
    label: (author: string, time: string) => `${author}, ${time}`,
    own: "vous",
    unnamed: "quelqu’un",
    fresh: (n: number) => of(n, "nouveau message", "nouveaux messages"),
    newest: "Revenir à la fin",
    waiting: "En attente",
    waitingTooFast: "En attente : c’était trop rapide",
    pending: "En chemin",
    cancel: "Annuler",
    retry: "Réessayer",
    edit: "Modifier",
  },

  composer: {
    label: "Votre message",
    placeholder: "Dites quelque chose",
    send: "Envoyer",
    left: (n: number) => of(n, "caractère restant", "caractères restants"),
    over: (n: number) => of(n, "caractère de trop", "caractères de trop"),
    full: (n: number) => `${of(n, "message attend", "messages attendent")} déjà. Gardez celui-ci.`,
  },

  state: {
    connecting: "Connexion…",
    online: "En ligne",
    offline: "Reconnexion…",
    refused: "Déconnecté",
    idle: "Hors ligne",
    ended: "Le serveur a fermé la connexion.",
    again: "Se reconnecter",
    degraded: "Les messages sont mis de côté ; rien n’est perdu.",
    recovered: (n: number) => `Vous êtes à jour : ${of(n, "message reçu", "messages reçus")}.`,
    missed: (n: number) =>
      `${of(n, "message est arrivé", "messages sont arrivés")} pendant votre absence.`,
    restarted: "Le serveur a perdu son passé. Vous voyez ce qu’il lui reste.",
    gap: "Votre absence a duré plus que les messages ne sont gardés. Il en manque entre-temps.",
    close: "Fermer",
  },

  menu: {
    open: (name: string, state: string) => `${name}, ${state} : vous et la connexion`,
    title: "Vous et la connexion",
    name: "Votre nom",
    rename: "Enregistrer",
    renamed: "Enregistré",
    instance: "Servi par",
    transport: "Par",
    roundTrip: "Aller-retour",
    milliseconds: (n: number) => `${count.format(n)} ms`,
    transports: { websocket: "WebSocket", polling: "HTTP (polling)" } as Record<string, string>,
    unknown: "–",
    language: "Langue",
  },

  day: { today: "Aujourd’hui", yesterday: "Hier" },

  refusal: {
    bad_request: "Le serveur n’a pas compris.",
    unauthorized: "Le serveur ne vous reconnaît plus. Rechargez la page.",
    forbidden: "Vous n’en avez pas le droit.",
    not_found: "Ce salon n’existe pas.",
    too_large: "C’est trop long.",
    rate_limited: "C’était trop rapide. Attendez un instant.",
    conflict: "Ce message est déjà parti, avec d’autres mots.",
    muted: "Vous ne pouvez pas parler ici pour l’instant.",
    locked: "Ce salon est fermé.",
    unavailable: "Le serveur ne peut pas le conserver en ce moment.",
    internal: "Le serveur s’est trompé. Réessayez.",
  } as Record<string, string>,
  refusedName: "Ce nom ne va pas : il lui faut une lettre ou un chiffre, et pas de signe spécial.",
  refusedRoom: "Le nom d’un salon a des lettres, des chiffres, « - », « _ » et « . », 64 au plus.",
} satisfies typeof en;
