/* roster-change.h - a roster was loaded anew and is not as it was: clients hear of it, and presence
 * begins or ceases to flow. */
#ifndef GODWIT_CORE_ROSTER_CHANGE_H
#define GODWIT_CORE_ROSTER_CHANGE_H

#include <stdbool.h>

struct account;
struct jid;
struct roster;

/* What a contact was before. */
struct contact_before {
	unsigned subscription; /* with what groups gave */
	bool was_visible;
	bool is_described; /* name or groups may be different now */
};

/* Compares the old roster of the account with the one it has now. Many differences take some rounds
 * of the loop; each is told as it is then. */
void roster_changed(struct account *account, const struct roster *old);
/* Tells clients, and the contact (bare), what is different with one contact. */
void contact_changed(
    struct account *account, const struct jid *contact, const struct contact_before *before);

#endif
