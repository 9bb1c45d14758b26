/* namespace.h - the namespaces that nearly every stanza uses, kept once.
 * Trees point at these strings instead of copying them into every arena. */
#ifndef GODWIT_XML_NAMESPACE_H
#define GODWIT_XML_NAMESPACE_H

#include <stddef.h>

#define NAMESPACE_CLIENT "jabber:client"
#define NAMESPACE_SERVER "jabber:server"
#define NAMESPACE_COMPONENT "jabber:component:accept"
#define NAMESPACE_STREAM "http://etherx.jabber.org/streams"

/* The kept copy of a namespace, or NULL if it is none of the well-known ones. */
const char *namespace_known(const char *bytes, size_t length);

#endif
