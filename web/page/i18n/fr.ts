// Les mots de la page en français, avec sa typographie : espace fine insécable (U+202F) devant
// « : ; ! ? » et à l'intérieur des guillemets, apostrophe courbe.

import type { en } from "./en.ts";

const count = new Intl.NumberFormat("fr");
const plural = new Intl.PluralRules("fr");
const of = (n: number, one: string, other: string) =>
  `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;

/** Un nom dans une phrase : dans quelque sens qu'il s'écrive, il ne la retourne pas. */
const isolated = (name: string) => `\u2068${name}\u2069`;

export const fr = {
  language: "Français",
  skip: "Aller à la conversation",

  first: {
    question: "Comment vous appelle-t-on ?",
    enter: "Entrer",
    later: "Vous pourrez en changer quand vous voudrez.",
    into: (room: string) => `Vous allez vers ${isolated(room)}.`,
  },

  room: {
    log: (room: string) => `Conversation dans ${room}`,
    rooms: "Salons",
    find: "Trouver ou créer un salon",
    unread: (n: number) => of(n, "message non lu", "messages non lus"),
    atMost99: (n: number) => (n > 99 ? "99+" : String(n)),
    menu: " : ce qu’on peut faire de ce salon",
    menuOf: (room: string) => `Le salon ${isolated(room)}`,
    copy: "Copier le lien vers ce salon",
    copied: "Copié",
    leave: "Quitter ce salon",
    isLobby: "C’est l’accueil : tout le monde y est.",
    empty: "Personne n’a encore parlé. Le premier mot est à vous.",
    begins: "La conversation commence ici.",
    trimmed: "Ce qui s’est dit avant n’est plus conservé.",
    loading: "On va chercher ce qui s’est dit avant…",
    entering: "On entre…",
    refused: "Impossible d’entrer dans ce salon",
    isPrivate: "Il est privé, réservé à celles et ceux qui y sont déjà.",
    lobby: (room: string) => `Aller dans ${room}`,
  },

  message: {
    label: (author: string, time: string) => `${author}, ${time}`,
    own: "vous",
    unnamed: "quelqu’un",
    fresh: (n: number) => of(n, "nouveau message", "nouveaux messages"),
    newest: "Revenir à la fin",
    unreadLine: "Nouveau",
    copy: "Copier le texte",
    link: "Copier le lien",
    reply: "Répondre",
    copied: "Copié",
    linked: "Lien copié",
    answers: (author: string) => `En réponse à ${isolated(author)}`,
    further: "Voir le message d’origine",
    waiting: "En attente",
    waitingTooFast: "En attente : c’était trop rapide",
    cancel: "Annuler",
    retry: "Réessayer",
    edit: "Modifier",
  },

  composer: {
    label: "Votre message",
    placeholder: (room: string) => `Dites quelque chose dans ${isolated(room)}`,
    number: (n: number) => count.format(n),
    send: "Envoyer",
    left: (n: number) => of(n, "caractère restant", "caractères restants"),
    over: (n: number) => of(n, "caractère de trop", "caractères de trop"),
    answering: (author: string) => `Vous répondez à ${isolated(author)}`,
    notAnswering: "Ne pas répondre à ce message",
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

  people: {
    title: "Présents",
    number: (n: number) => count.format(n),
    here: (n: number) => of(n, "présent", "présents"),
    opens: " : qui est là",
    close: "Fermer la liste des présents",
    crowd: (n: number) => `${of(n, "personne est là", "personnes sont là")} : trop pour une liste.`,
  },

  typing: {
    one: (a: string) => `${isolated(a)} écrit…`,
    two: (a: string, b: string) => `${isolated(a)} et ${isolated(b)} écrivent…`,
    several: "Plusieurs personnes écrivent…",
  },

  find: {
    title: "Trouver ou créer un salon",
    close: "Fermer",
    make: (title: string) => `Créer le salon « ${isolated(title)} »`,
    members: (n: number) => of(n, "personne", "personnes"),
    none: "Aucun salon ne porte ce nom, et ces signes ne peuvent pas en faire un.",
    taken: "Un salon porte déjà ce nom, et il est privé.",
  },

  help: {
    title: "Clavier",
    close: "Fermer",
    groups: [
      {
        title: "Écrire",
        keys: [
          { key: "Entrée", does: "Envoyer" },
          { key: "Maj Entrée", does: "Aller à la ligne" },
          { key: "↑", does: "Dans un champ vide : au dernier message" },
        ],
      },
      {
        title: "Lire",
        keys: [
          { key: "J K", does: "Message suivant, message précédent ; les flèches aussi" },
          { key: "Début Fin", does: "Au début, à la fin" },
          { key: "C L R", does: "Copier le texte, copier le lien, répondre" },
          { key: "Échap", does: "Revenir à l’écriture" },
        ],
      },
      {
        title: "Salons",
        keys: [
          { key: "Ctrl K", does: "Trouver ou créer un salon" },
          { key: "Alt ↑ ↓", does: "Salon précédent, salon suivant" },
          { key: "?", does: "Cette liste" },
        ],
      },
    ],
  },

  menu: {
    opens: " : vous et la connexion",
    title: "Vous et la connexion",
    name: "Votre nom",
    rename: "Enregistrer",
    renamed: "Enregistré",
    instance: "Servi par",
    transport: "Par",
    roundTrip: "Aller-retour",
    milliseconds: (n: number) => `${count.format(n)} ms`,
    transports: { websocket: "WebSocket", polling: "HTTP (polling)" } as Record<string, string>,
    version: "Version",
    path: "Dernier message",
    pathOf: (instance: string, offset: number, ms: number) =>
      `${isolated(instance)} → nº ${count.format(offset)}, ${count.format(ms)} ms`,
    unknown: "–",
    language: "Langue",
    scheme: "Couleurs",
    schemes: { system: "Automatique", light: "Clair", dark: "Sombre" },
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
