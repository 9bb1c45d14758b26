/* roster-change.h - a roster was loaded anew and is not as it was: clients hear of it, and presence
 * begins or ceases to flow. */
#ifndef GODWIT_CORE_ROSTER_CHANGE_H
#define GODWIT_CORE_ROSTER_CHANGE_H

struct account;
struct roster;

/* Compares the old roster of the account with the one it has now. Many differences take some rounds
 * of the loop; each is told as it is then. */
void roster_changed(struct account *account, const struct roster *old);

#endif
