/* xep-0227.h - the names that files of XEP-0227 are made of (Portable Import/Export Format), and an
 * extension of ours for what the format has no place for: section 4 lets any namespace in. */
#ifndef GODWIT_TOOLS_XEP_0227_H
#define GODWIT_TOOLS_XEP_0227_H

#include "xmpp/ns.h"

#define NS_PIE "urn:xmpp:pie:0"
#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"
#define NS_PIE_ARCHIVE "urn:xmpp:pie:0#mam"
#define NS_VCARD "vcard-temp"
#define NS_PRIVATE "jabber:iq:private"
#define NS_PRIVACY "jabber:iq:privacy"
#define NS_BLOCKING "urn:xmpp:blocking"
#define NS_DELAY_OLD "jabber:x:delay"
#define NS_XINCLUDE "http://www.w3.org/2001/XInclude"

/* In <host/>: <group name='' title='' visible-to=''/> and <group-viewer group='' viewer=''/>, the
 * rows of the tables groups and group_viewers. In <user/>: <account created='' disabled=''
 * disabled-until=''><last at=''>status</last><member group=''/></account>. */
#define NS_EXPORT "urn:godwit:export:0"

#endif
